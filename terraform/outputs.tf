# What the emr package reads through `terraform output -json`.

output "name" {
  description = "Name of the stack."
  value       = var.name
}

output "target" {
  description = "cluster or serverless."
  value       = var.target
}

output "region" {
  description = "AWS region."
  value       = local.region
}

output "release_label" {
  description = "EMR release."
  value       = local.release_label
}

output "architecture" {
  description = "Processor architecture of the workers, as wheels name it."
  value       = local.architecture
}

output "bucket" {
  description = "Bucket of environment, code, data and runs."
  value       = aws_s3_bucket.main.id
}

output "logs" {
  description = "Where EMR puts its logs."
  value       = "s3://${aws_s3_bucket.logs.id}/emr/"
}

output "kms_key_arn" {
  description = "Key that encrypts it all."
  value       = aws_kms_key.main.arn
}

output "job_role_arn" {
  description = "Role the jobs run as."
  value       = aws_iam_role.job.arn
}

output "cluster_id" {
  description = "EMR cluster; null on serverless."
  value       = one(aws_emr_cluster.main[*].id)
}

output "application_id" {
  description = "EMR Serverless application; null on a cluster."
  value       = one(aws_emrserverless_application.main[*].id)
}

output "data_locations" {
  description = "Where else than in the bucket's data/ the jobs may read data sets."
  value       = var.data_locations
}

output "sizes" {
  description = "What the nodes are and how many, for executor sizes and costs."
  value = {
    primary_type    = var.primary_type
    primary_vcpus   = data.aws_ec2_instance_type.primary.default_vcpus
    primary_mib     = data.aws_ec2_instance_type.primary.memory_size
    worker_type     = var.worker_type
    worker_vcpus    = data.aws_ec2_instance_type.worker.default_vcpus
    worker_mib      = local.worker_mib
    yarn_mib        = local.yarn_mib
    steps_at_once   = var.steps_at_once
    workers_min     = var.workers.min
    workers_max     = var.workers.max
    spot_max        = var.spot.max
    disk_gib        = var.disk_gib
    endpoints       = length(local.interface_endpoints)
    root_gib        = local.root_gib
    idle_minutes    = var.idle_minutes
    max_vcpus       = var.serverless_max_vcpus
    private_network = local.private
  }
}
