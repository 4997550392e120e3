# Names and facts that several files share.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id # its name is `name` in the provider's 5.x and `region` in 6.x

  on_cluster    = var.target == "cluster"
  on_serverless = var.target == "serverless"

  # EMR Serverless has an image for each release; those of emr-7.x have no Python 3.11.
  release_label = var.release_label != null ? var.release_label : local.on_serverless ? "emr-spark-8.1.0" : "emr-7.14.0"
  release_8     = startswith(local.release_label, "emr-spark-8.")

  # EMR copies the cluster's tags to the instances, disks and network interfaces it makes; the
  # service role may touch only what carries this Project.
  tags = merge(var.tags, { Project = var.name, ManagedBy = "terraform" })
}
