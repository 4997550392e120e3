# What a node needs at its start: the bootstrap script, the wheels it installs, the TLS certificates.

locals {
  arm64        = contains(data.aws_ec2_instance_type.worker.supported_architectures, "arm64")
  architecture = local.on_serverless || local.arm64 ? "aarch64" : "x86_64"
  wheels       = "${path.module}/${var.package_dir}/wheels-${local.architecture}.tar"
  bootstrap    = "${path.module}/../emr/bootstrap.sh"
  certificates = "${path.module}/${var.package_dir}/certificates.zip"

  # Keys say their content, so that a node that starts later, when the cluster grows, gets the same.
  # Destroying must work where the wheels were never built, hence `try`; creating checks below.
  wheels_sha256    = try(filesha256(local.wheels), "absent")
  bootstrap_sha256 = filesha256(local.bootstrap)
  environment = local.on_cluster ? {
    wheels    = { source = local.wheels, sha256 = local.wheels_sha256, name = "wheels.tar" }
    bootstrap = { source = local.bootstrap, sha256 = local.bootstrap_sha256, name = "bootstrap.sh" }
  } : {}
}

resource "aws_s3_object" "environment" {
  for_each    = local.environment
  bucket      = aws_s3_bucket.main.id
  key         = "environment/${each.value.sha256}/${each.value.name}"
  source      = each.value.source
  kms_key_id  = aws_kms_key.main.arn
  source_hash = each.value.sha256

  depends_on = [
    aws_s3_bucket_policy.main,
    aws_s3_bucket_server_side_encryption_configuration.each,
    aws_s3_bucket_versioning.each,
  ]

  lifecycle {
    precondition {
      condition     = each.value.sha256 != "absent"
      error_message = "${each.value.source} is not there: `make emr-plan` and `make emr-up` build it."
    }
  }
}

# The private key goes from its file to the encrypted bucket, and never into the state. A cluster
# keeps the certificate it started with, whoever plans next and whatever lies in their dist/.
resource "aws_s3_object" "certificates" {
  count      = local.on_cluster ? 1 : 0
  bucket     = aws_s3_bucket.main.id
  key        = "environment/certificates.zip"
  source     = local.certificates
  kms_key_id = aws_kms_key.main.arn

  depends_on = [
    aws_s3_bucket_policy.main,
    aws_s3_bucket_server_side_encryption_configuration.each,
    aws_s3_bucket_versioning.each,
  ]

  lifecycle {
    ignore_changes = [source]
  }
}
