# What the jobs may do: read code and data, write results and logs.

locals {
  data_arns = [
    for location in var.data_locations :
    "arn:${local.partition}:s3:::${trimsuffix(trimprefix(location, "s3://"), "/")}"
  ]
  data_bucket_arns = distinct([for arn in local.data_arns : split("/", arn)[0]])
}

data "aws_iam_policy_document" "job" {
  statement {
    sid     = "ReadCodeAndData"
    actions = ["s3:GetObject"]
    resources = concat(
      [for prefix in ["environment", "code", "data"] : "${aws_s3_bucket.main.arn}/${prefix}/*"],
      [for arn in local.data_arns : "${arn}/*"],
    )
  }

  # Without a prefix condition: a HEAD for a missing object would otherwise answer 403, not 404,
  # and libraries that look before they read would fail.
  statement {
    sid       = "FindData"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = concat([aws_s3_bucket.main.arn], local.data_bucket_arns)
  }

  # Reading is part of it: a job looks whether its output is there already, and never replaces it.
  statement {
    sid       = "WriteResults"
    actions   = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.main.arn}/runs/*"]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs.arn}/emr/*"]
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = [aws_kms_key.main.arn]
  }
}

resource "aws_iam_policy" "job" {
  name        = "${var.name}-job"
  description = "Read code and data, write results and logs"
  policy      = data.aws_iam_policy_document.job.json
}

data "aws_iam_policy_document" "job_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [local.on_cluster ? "ec2.amazonaws.com" : "emr-serverless.amazonaws.com"]
    }

    # EC2 hands the role to an instance without saying for whom; EMR Serverless says.
    dynamic "condition" {
      for_each = local.on_serverless ? [local.account] : []

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "job" {
  name               = "${var.name}-job"
  description        = "What the jobs of ${var.name} run as"
  assume_role_policy = data.aws_iam_policy_document.job_trust.json
}

resource "aws_iam_role_policy_attachment" "job" {
  role       = aws_iam_role.job.name
  policy_arn = aws_iam_policy.job.arn
}

resource "aws_iam_instance_profile" "job" {
  count = local.on_cluster ? 1 : 0
  name  = "${var.name}-job"
  role  = aws_iam_role.job.name
}
