# Names and facts that several files share.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  on_cluster    = var.target == "cluster"
  on_serverless = var.target == "serverless"

  # EMR copies the cluster's tags to the instances, disks and network interfaces it makes; the
  # service role may touch only what carries this Project.
  tags = merge(var.tags, { Project = var.name, ManagedBy = "terraform" })
}
