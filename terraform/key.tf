# The key that encrypts buckets, disks and logs, and who may use it besides the roles.

resource "aws_kms_key" "main" {
  description             = "${var.name}: buckets, disks and logs"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "main" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.main.key_id
}

data "aws_iam_policy_document" "key" {
  # Who may use the key is then said by each role's own policy.
  #checkov:skip=CKV_AWS_109:A key policy's resource is the key itself, and the account must be able to manage it
  #checkov:skip=CKV_AWS_111:A key policy's resource is the key itself
  #checkov:skip=CKV_AWS_356:A key policy's resource is the key itself
  statement {
    sid       = "AccountDecidesThroughIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  # VPC User Guide, "Required key policy for use with SSE-KMS".
  statement {
    sid       = "FlowLogsAreEncrypted"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# Spot nodes are launched by EC2's own role, which needs the key for their encrypted disks (EC2 User
# Guide, "Service-linked role for Spot Instance requests", customer managed keys).
data "aws_iam_roles" "spot" {
  count       = local.on_cluster && var.spot.max > 0 ? 1 : 0
  path_prefix = "/aws-service-role/spot.amazonaws.com/"
}

locals {
  spot_service_role = flatten(data.aws_iam_roles.spot[*].arns)
}

resource "aws_kms_grant" "spot" {
  count             = length(local.spot_service_role) > 0 ? 1 : 0
  name              = "${var.name}-spot"
  key_id            = aws_kms_key.main.key_id
  grantee_principal = tolist(local.spot_service_role)[0]
  operations = [
    "CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
  ]
}
