# What the EMR service may do: make, watch and end this cluster's instances.

data "aws_iam_policy_document" "service_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["elasticmapreduce.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:elasticmapreduce:${local.region}:${local.account}:*"]
    }
  }
}

locals {
  ec2 = "arn:${local.partition}:ec2:${local.region}:${local.account}"
}

data "aws_iam_policy_document" "service" {
  count = local.on_cluster ? 1 : 0

  #checkov:skip=CKV_AWS_356:EC2's Describe actions know no resources; every statement that changes anything names its resources or the stack's tag
  statement {
    sid     = "LaunchIntoThisNetwork"
    actions = ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateNetworkInterface", "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion"]
    resources = concat(
      [aws_subnet.nodes[0].arn, aws_security_group.nodes[0].arn],
      aws_security_group.service[*].arn,
    )
  }

  statement {
    sid     = "LaunchTaggedThings"
    actions = ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateNetworkInterface"]
    resources = [
      for kind in ["instance", "volume", "launch-template", "network-interface"] : "${local.ec2}:${kind}/*"
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/Project"
      values   = [var.name]
    }
  }

  statement {
    sid     = "LaunchFromTaggedTemplates"
    actions = ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplateVersion"]
    resources = [
      "${local.ec2}:launch-template/*",
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Project"
      values   = [var.name]
    }
  }

  statement {
    sid     = "LaunchNeedsThese"
    actions = ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion"]
    resources = [
      "${local.ec2}:network-interface/*",
      "${local.ec2}:fleet/*",
      "arn:${local.partition}:ec2:${local.region}::image/ami-*",
    ]
  }

  statement {
    sid = "ManageWhatItLaunched"
    actions = [
      "ec2:CreateLaunchTemplateVersion",
      "ec2:DeleteLaunchTemplate",
      "ec2:DeleteNetworkInterface",
      "ec2:ModifyInstanceAttribute",
      "ec2:TerminateInstances",
      "ec2:CreateTags",
      "ec2:DeleteTags",
    ]
    resources = [
      for kind in ["instance", "volume", "launch-template", "network-interface"] : "${local.ec2}:${kind}/*"
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Project"
      values   = [var.name]
    }
  }

  statement {
    sid     = "TagWhatItLaunches"
    actions = ["ec2:CreateTags"]
    resources = [
      for kind in ["instance", "volume", "launch-template", "network-interface"] : "${local.ec2}:${kind}/*"
    ]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["RunInstances", "CreateFleet", "CreateLaunchTemplate", "CreateNetworkInterface"]
    }
  }

  statement {
    sid = "KeepItsFirewallRules"
    actions = [
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]
    resources = concat([aws_security_group.nodes[0].arn], aws_security_group.service[*].arn)
  }

  statement {
    sid = "LookAround"
    actions = [
      "ec2:DescribeAccountAttributes",
      "ec2:DescribeCapacityReservations",
      "ec2:DescribeDhcpOptions",
      "ec2:DescribeImages",
      "ec2:DescribeInstances",
      "ec2:DescribeInstanceTypeOfferings",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplates",
      "ec2:DescribeNetworkAcls",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribePlacementGroups",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVolumes",
      "ec2:DescribeVolumeStatus",
      "ec2:DescribeVpcAttribute",
      "ec2:DescribeVpcEndpoints",
      "ec2:DescribeVpcs",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "GiveTheNodesTheirRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.job.arn]

    condition {
      test     = "StringLike"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com*"]
    }
  }

  statement {
    sid       = "EncryptDisksAndLogs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = [aws_kms_key.main.arn]
  }

  statement {
    sid       = "AttachEncryptedDisks"
    actions   = ["kms:CreateGrant"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }

  statement {
    sid       = "FetchTheCertificates"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.main.arn}/environment/*"]
  }
}

resource "aws_iam_role" "service" {
  count              = local.on_cluster ? 1 : 0
  name               = "${var.name}-service"
  description        = "What EMR may do to run the cluster ${var.name}"
  assume_role_policy = data.aws_iam_policy_document.service_trust.json
}

resource "aws_iam_role_policy" "service" {
  count  = local.on_cluster ? 1 : 0
  name   = "run-this-cluster"
  role   = aws_iam_role.service[0].id
  policy = data.aws_iam_policy_document.service[0].json
}
