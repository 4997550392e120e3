# The EMR cluster: one primary node, core nodes that scale within limits, Spot task nodes if asked for.

locals {
  python = "/opt/ridge-spark/bin/python"

  # Python workers use the same interpreter and find their region wherever they run; the driver's
  # environment comes from spark-env in client mode and from the application master's in cluster mode.
  node_environment = {
    PYSPARK_PYTHON     = local.python
    AWS_REGION         = local.region
    AWS_DEFAULT_REGION = local.region
    LC_ALL             = "C.UTF-8" # without it the JVM writes λ as a question mark
    # Clients otherwise ask S3's global address for a bucket's region, out of a private subnet's reach.
    AWS_ENDPOINT_URL_S3 = "https://s3.${local.region}.${data.aws_partition.current.dns_suffix}"
  }

  # Said, though it is what gp3 has by itself: should AWS answer with the number, a difference in a
  # fleet's disks would replace the cluster. Throughput can't be said for a fleet's disks.
  gp3_iops = 3000

  # AWS answers with "Properties" wherever it is left out, and a difference would replace the cluster.
  configurations = [
    {
      Classification = "spark-env"
      Properties     = {}
      Configurations = [{ Classification = "export", Properties = local.node_environment }]
    },
    {
      Classification = "spark-defaults"
      Properties = merge(
        { for name, value in local.node_environment : "spark.executorEnv.${name}" => value },
        { for name, value in local.node_environment : "spark.yarn.appMasterEnv.${name}" => value },
      )
    },
    {
      Classification = "yarn-site"
      Properties = {
        # Those who size the executors read the same number, whatever the release would choose.
        "yarn.nodemanager.resource.memory-mb"  = tostring(local.yarn_mib)
        "yarn.scheduler.maximum-allocation-mb" = tostring(local.yarn_mib)
        # The Python workers of a node map the same images: count them once, not once a worker.
        "yarn.nodemanager.container-monitor.procfs-tree.smaps-based-rss.enabled" = "true"
      }
    },
  ]
}

locals {
  root_gib        = 30
  further_workers = concat(values(data.aws_ec2_instance_type.alternative), values(data.aws_ec2_instance_type.spot))
}

resource "aws_emr_cluster" "main" {
  count                             = local.on_cluster ? 1 : 0
  name                              = var.name
  release_label                     = local.release_label
  applications                      = ["Spark"]
  service_role                      = aws_iam_role.service[0].arn
  security_configuration            = aws_emr_security_configuration.main[0].name
  log_uri                           = "s3://${aws_s3_bucket.logs.id}/emr/"
  log_encryption_kms_key_id         = aws_kms_key.main.arn
  configurations_json               = jsonencode(local.configurations)
  keep_job_flow_alive_when_no_steps = true
  termination_protection            = false
  step_concurrency_level            = var.steps_at_once
  scale_down_behavior               = "TERMINATE_AT_TASK_COMPLETION"
  ebs_root_volume_size              = local.root_gib

  ec2_attributes {
    instance_profile                  = aws_iam_instance_profile.job[0].arn
    subnet_id                         = aws_subnet.nodes[0].id
    emr_managed_master_security_group = aws_security_group.nodes[0].id
    emr_managed_slave_security_group  = aws_security_group.nodes[0].id
    service_access_security_group     = one(aws_security_group.service[*].id)
  }

  master_instance_fleet {
    name                      = "primary"
    target_on_demand_capacity = 1

    dynamic "instance_type_configs" {
      for_each = local.primary_types_there

      content {
        instance_type     = instance_type_configs.value
        weighted_capacity = 1

        ebs_config {
          type                 = "gp3"
          size                 = var.disk_gib
          iops                 = local.gp3_iops
          volumes_per_instance = 1
        }
      }
    }

    launch_specifications {
      on_demand_specification {
        allocation_strategy = "lowest-price"
      }
    }
  }

  core_instance_fleet {
    name                      = "core"
    target_on_demand_capacity = var.workers.min

    dynamic "instance_type_configs" {
      for_each = local.worker_types_there

      content {
        instance_type     = instance_type_configs.value
        weighted_capacity = 1

        ebs_config {
          type                 = "gp3"
          size                 = var.disk_gib
          iops                 = local.gp3_iops
          volumes_per_instance = 1
        }
      }
    }

    launch_specifications {
      on_demand_specification {
        allocation_strategy = "lowest-price"
      }
    }
  }

  bootstrap_action {
    name = "python"
    path = "s3://${aws_s3_bucket.main.id}/${aws_s3_object.environment["bootstrap"].key}"
    args = [
      "s3://${aws_s3_bucket.main.id}/${aws_s3_object.environment["wheels"].key}",
      local.wheels_sha256,
      local.region,
    ]
  }

  auto_termination_policy {
    idle_timeout = var.idle_minutes * 60
  }

  depends_on = [
    aws_iam_role_policy.service,
    aws_iam_role_policy_attachment.job,
    aws_route_table_association.nodes,
    aws_route.internet,
    aws_vpc_endpoint.s3,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_ingress_rule.between_nodes,
    aws_vpc_security_group_ingress_rule.endpoints,
    aws_vpc_security_group_ingress_rule.from_service,
    aws_vpc_security_group_ingress_rule.service,
    aws_vpc_security_group_ingress_rule.service_endpoint,
    aws_vpc_security_group_egress_rule.between_nodes,
    aws_vpc_security_group_egress_rule.s3,
    aws_vpc_security_group_egress_rule.endpoints,
    aws_vpc_security_group_egress_rule.service,
    aws_vpc_security_group_egress_rule.service_endpoint,
    aws_vpc_security_group_egress_rule.to_service,
    aws_vpc_security_group_egress_rule.aws_apis,
  ]

  lifecycle {
    ignore_changes = [
      # Managed scaling moves the number of core nodes.
      core_instance_fleet[0].target_on_demand_capacity,
      # Which relatives the zone offers is AWS's to change.
      core_instance_fleet[0].instance_type_configs,
      master_instance_fleet[0].instance_type_configs,
    ]
    replace_triggered_by = [terraform_data.types]

    precondition {
      condition = alltrue([
        for type in concat([data.aws_ec2_instance_type.primary], local.further_workers) :
        contains(type.supported_architectures, local.architecture == "aarch64" ? "arm64" : "x86_64")
      ])
      error_message = "All nodes share one set of wheels: give primary_type, worker_type, worker_alternatives and spot.types one processor architecture."
    }

    precondition {
      condition = alltrue([
        for type in local.further_workers :
        type.memory_size >= local.worker_mib && type.default_vcpus >= data.aws_ec2_instance_type.worker.default_vcpus
      ])
      error_message = "One size of executors fits all workers: give worker_alternatives and spot.types at least the memory and the vCPUs of ${var.worker_type}."
    }

    precondition {
      condition     = local.yarn_mib > 0
      error_message = "worker_type: ${var.worker_type} has ${local.worker_mib} MiB of memory; choose one with 8 GiB or more, as EMR does."
    }
  }
}

resource "aws_emr_instance_fleet" "spot" {
  count                     = local.on_cluster && var.spot.max > 0 ? 1 : 0
  cluster_id                = aws_emr_cluster.main[0].id
  name                      = "spot"
  target_on_demand_capacity = 0
  target_spot_capacity      = 1

  dynamic "instance_type_configs" {
    for_each = var.spot.types

    content {
      instance_type                              = instance_type_configs.value
      weighted_capacity                          = 1
      bid_price_as_percentage_of_on_demand_price = 100

      ebs_config {
        type                 = "gp3"
        size                 = var.disk_gib
        iops                 = local.gp3_iops
        volumes_per_instance = 1
      }
    }
  }

  launch_specifications {
    spot_specification {
      allocation_strategy      = "capacity-optimized"
      timeout_action           = "SWITCH_TO_ON_DEMAND" # the other choice ends the whole cluster
      timeout_duration_minutes = 10
    }
  }

  lifecycle {
    ignore_changes = [target_spot_capacity]

    precondition {
      condition     = length(local.spot_service_role) > 0
      error_message = "spot.max: this account has no service-linked role for Spot yet, without which encrypted Spot nodes can't start; once: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
    }
  }

  depends_on = [aws_kms_grant.spot]
}

resource "aws_emr_managed_scaling_policy" "main" {
  count      = local.on_cluster ? 1 : 0
  cluster_id = aws_emr_cluster.main[0].id

  compute_limits {
    unit_type                       = "InstanceFleetUnits"
    minimum_capacity_units          = var.workers.min
    maximum_capacity_units          = var.workers.max + var.spot.max
    maximum_core_capacity_units     = var.workers.max
    maximum_ondemand_capacity_units = var.workers.max
  }
}
