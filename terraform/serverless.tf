# The EMR Serverless application: nothing runs, and nothing costs, until a job is submitted.

resource "aws_emrserverless_application" "main" {
  count         = local.on_serverless ? 1 : 0
  name          = var.name
  release_label = local.release_label
  type          = "SPARK"
  architecture  = "ARM64"

  maximum_capacity {
    cpu    = "${var.serverless_max_vcpus} vCPU"
    memory = "${var.serverless_max_vcpus * 8} GB"
    disk   = "${var.serverless_max_vcpus * 20} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = var.idle_minutes
  }
}
