# What may be reached through the S3 endpoint: the stack's buckets, its data, and those AWS itself needs.

locals {
  s3 = "arn:${local.partition}:s3:::"

  # AWS's buckets: "Sample policies for private subnets that access Amazon S3" of the EMR Management
  # Guide. The instance-data buckets came with release 8 and have another name in Sydney.
  aws_instance_data = local.region == "ap-southeast-2" ? "aws157-instance-data-bucket" : "aws157-instance-data"
  aws_packages = concat(
    ["al2023-repos-${local.region}-de612dc2", "repo.${local.region}.emr.amazonaws.com"],
    local.release_8 ? [for i in [0, 1] : "${local.aws_instance_data}-${i}-prod-${local.region}"] : [],
  )
  aws_logs    = local.region == "us-east-1" ? "aws157-logs-prod" : "aws157-logs-prod-${local.region}"
  aws_history = "prod.${local.region}.appinfo.src"
}

data "aws_iam_policy_document" "s3_endpoint" {
  #checkov:skip=CKV_AWS_283:An endpoint's policy says what may pass, for whoever asks from this network; who may is said by the roles
  statement {
    sid       = "OurBuckets"
    actions   = ["s3:*"]
    resources = flatten([for bucket in local.buckets : [bucket.arn, "${bucket.arn}/*"]])

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.data_locations) > 0 ? [1] : []

    content {
      sid       = "DataToRead"
      actions   = ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"]
      resources = concat(local.data_bucket_arns, [for arn in local.data_arns : "${arn}/*"])

      principals {
        type        = "*"
        identifiers = ["*"]
      }
    }
  }

  statement {
    sid       = "PackagesOfAmazonLinuxAndEmr"
    actions   = ["s3:GetObject"]
    resources = [for bucket in local.aws_packages : "${local.s3}${bucket}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  statement {
    sid       = "LogsOfTheEmrService"
    actions   = ["s3:Put*"]
    resources = ["${local.s3}${local.aws_logs}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  statement {
    sid       = "SparkHistoryServerOfTheEmrService"
    actions   = ["s3:Put*", "s3:Get*", "s3:Create*", "s3:Abort*", "s3:List*"]
    resources = ["${local.s3}${local.aws_history}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}
