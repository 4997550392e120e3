# What a plan with the defaults must and must not contain. Runs offline: the provider is mocked.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/package"
}

run "cluster" {
  command = apply

  assert {
    condition     = aws_emr_cluster.main[0].release_label == "emr-7.14.0"
    error_message = "the default release is emr-7.14.0"
  }
  assert {
    condition     = aws_emr_cluster.main[0].auto_termination_policy[0].idle_timeout == 1800
    error_message = "an idle cluster ends after 30 minutes"
  }
  assert {
    condition = alltrue([
      for fleet in [aws_emr_cluster.main[0].master_instance_fleet[0], aws_emr_cluster.main[0].core_instance_fleet[0]] :
      alltrue([for type in fleet.instance_type_configs : can(regex("^[mr][78]g\\.", type.instance_type))])
    ])
    error_message = "Graviton by default"
  }
  assert {
    condition     = one(aws_emr_managed_scaling_policy.main[0].compute_limits).maximum_capacity_units == 4
    error_message = "small limits by default"
  }
  assert {
    condition     = length(aws_emr_instance_fleet.spot) == 0
    error_message = "Spot nodes only when asked for"
  }
  assert {
    condition     = length(aws_budgets_budget.month) == 0 && length(aws_emrserverless_application.main) == 0
    error_message = "no budget and no application unless asked for"
  }
  assert {
    condition     = output.cluster_id != null && output.application_id == null && output.release_label == "emr-7.14.0"
    error_message = "the outputs say what there is"
  }
}

run "private_subnet" {
  command = apply

  assert {
    condition     = aws_subnet.nodes[0].map_public_ip_on_launch == false
    error_message = "nodes have no public address"
  }
  assert {
    condition     = length(aws_internet_gateway.public) == 0 && length(aws_route.internet) == 0
    error_message = "no way to the internet"
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["elasticmapreduce", "kms", "sts"])
    error_message = "STS, EMR and KMS through endpoints"
  }
  assert {
    condition     = aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway"
    error_message = "S3 through its free gateway"
  }
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.aws_apis) == 0
    error_message = "nothing goes out but to S3 and the endpoints"
  }
  assert {
    condition = alltrue([
      for rule in concat(
        aws_vpc_security_group_ingress_rule.between_nodes,
        aws_vpc_security_group_ingress_rule.endpoints,
        aws_vpc_security_group_ingress_rule.service,
        aws_vpc_security_group_ingress_rule.from_service,
      ) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id != null
    ])
    error_message = "every way in is from one of the stack's own groups, never from an address"
  }
}

run "encryption" {
  command = apply

  assert {
    condition = jsondecode(aws_emr_security_configuration.main[0].configuration).InstanceMetadataServiceConfiguration == {
      MinimumInstanceMetadataServiceVersion = 2
      HttpPutResponseHopLimit               = 1
    }
    error_message = "IMDSv2 only, one hop"
  }
  assert {
    condition = alltrue([
      jsondecode(aws_emr_security_configuration.main[0].configuration).EncryptionConfiguration.EnableAtRestEncryption,
      jsondecode(aws_emr_security_configuration.main[0].configuration).EncryptionConfiguration.EnableInTransitEncryption,
      jsondecode(aws_emr_security_configuration.main[0].configuration).EncryptionConfiguration.AtRestEncryptionConfiguration.LocalDiskEncryptionConfiguration.EnableEbsEncryption,
    ])
    error_message = "encrypted at rest, in transit, and the EBS volumes too"
  }
  assert {
    condition = alltrue([
      for each in aws_s3_bucket_server_side_encryption_configuration.each :
      one(each.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    ])
    error_message = "both buckets under the KMS key"
  }
  assert {
    condition = alltrue([
      for each in aws_s3_bucket_public_access_block.each :
      each.block_public_acls && each.block_public_policy && each.ignore_public_acls && each.restrict_public_buckets
    ])
    error_message = "both buckets private"
  }
  assert {
    condition     = alltrue([for each in aws_s3_bucket_versioning.each : each.versioning_configuration[0].status == "Enabled"])
    error_message = "both buckets versioned"
  }
  assert {
    condition     = aws_kms_key.main.enable_key_rotation
    error_message = "the key rotates"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.logs.rule : rule.expiration[0].days] == [30]
    error_message = "logs expire after 30 days"
  }
}

run "one_python_for_driver_and_executors" {
  command = plan

  assert {
    condition = alltrue([
      for name in ["spark.executorEnv.PYSPARK_PYTHON", "spark.yarn.appMasterEnv.PYSPARK_PYTHON"] :
      jsondecode(aws_emr_cluster.main[0].configurations_json)[1].Properties[name] == "/opt/ridge-spark/bin/python"
    ])
    error_message = "executors and the cluster-mode driver use the bootstrap's Python"
  }
  assert {
    condition     = jsondecode(aws_emr_cluster.main[0].configurations_json)[0].Configurations[0].Properties.PYSPARK_PYTHON == "/opt/ridge-spark/bin/python"
    error_message = "the client-mode driver uses the bootstrap's Python"
  }
  assert {
    condition     = jsondecode(aws_emr_cluster.main[0].configurations_json)[0].Configurations[0].Properties.LC_ALL == "C.UTF-8"
    error_message = "the driver's JVM writes UTF-8"
  }
}

run "one_number_for_yarn" {
  command = plan

  assert {
    condition = [
      for name in ["yarn.nodemanager.resource.memory-mb", "yarn.scheduler.maximum-allocation-mb"] :
      jsondecode(aws_emr_cluster.main[0].configurations_json)[2].Properties[name]
    ] == ["23424", "23424"]
    error_message = "YARN is told what an m7g.2xlarge has for it"
  }
  assert {
    condition     = output.sizes.yarn_mib == 23424
    error_message = "and so are those who size the executors"
  }
}

run "configurations_as_aws_echoes_them" {
  command = plan

  assert {
    condition = alltrue([
      for each in flatten([
        for outer in jsondecode(aws_emr_cluster.main[0].configurations_json) :
        [outer, lookup(outer, "Configurations", [])]
      ]) : can(each.Properties)
    ])
    error_message = "AWS adds Properties where it is left out, and the difference would replace the cluster"
  }
}
