# Which nodes a first plan chooses, and where: nothing is applied here, so that nothing is there yet.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/package"
}

run "x86" {
  command = plan
  variables {
    worker_alternatives = []
  }
  override_data {
    target = data.aws_ec2_instance_type.primary
    values = { supported_architectures = ["x86_64"] }
  }
  override_data {
    target = data.aws_ec2_instance_type.worker
    values = {
      supported_architectures = ["x86_64"]
      memory_size             = 32768
    }
  }
  assert {
    condition     = output.architecture == "x86_64"
    error_message = "the wheels follow the processor"
  }
}

run "a_worker_smaller_than_emr_has" {
  command = plan
  override_data {
    target = data.aws_ec2_instance_type.worker
    values = {
      supported_architectures = ["arm64"]
      memory_size             = 4096
    }
  }
  expect_failures = [aws_emr_cluster.main]
}

run "mixed_architectures" {
  command = plan
  override_data {
    target = data.aws_ec2_instance_type.primary
    values = { supported_architectures = ["x86_64"] }
  }
  expect_failures = [aws_emr_cluster.main]
}

run "no_zone_has_both" {
  command = plan
  override_data {
    target = data.aws_ec2_instance_type_offerings.zones["m7g.xlarge"]
    values = { locations = ["us-east-1f"] }
  }
  expect_failures = [aws_vpc.cluster]
}

run "the_zone_with_most_relatives" {
  command = plan
  override_data {
    target = data.aws_ec2_instance_type_offerings.zones["m8g.2xlarge"]
    values = { locations = ["us-east-1b"] }
  }
  assert {
    condition     = aws_subnet.nodes[0].availability_zone == "us-east-1b"
    error_message = "us-east-1a comes first by name, and has one type less"
  }
}

run "relatives_where_there_is_no_capacity" {
  command = plan
  override_data {
    target = data.aws_ec2_instance_type_offerings.zones["r8g.2xlarge"]
    values = { locations = ["us-east-1f"] }
  }
  assert {
    condition     = toset([for each in aws_emr_cluster.main[0].core_instance_fleet[0].instance_type_configs : each.instance_type]) == toset(["m7g.2xlarge", "m8g.2xlarge", "r7g.2xlarge"])
    error_message = "the relatives that the zone offers"
  }
  assert {
    condition     = toset([for each in aws_emr_cluster.main[0].master_instance_fleet[0].instance_type_configs : each.instance_type]) == toset(["m7g.xlarge", "m8g.xlarge", "r7g.xlarge", "r8g.xlarge"])
    error_message = "for the primary node too"
  }
}

run "a_zone_of_ones_own" {
  command = plan
  variables {
    zone = "us-east-1b"
  }
  assert {
    condition     = aws_subnet.nodes[0].availability_zone == "us-east-1b"
    error_message = "the zone that was asked for"
  }
}

run "a_zone_without_the_endpoints_services" {
  command = plan
  override_data {
    target = data.aws_vpc_endpoint_service.interface["kms"]
    values = { availability_zones = ["us-east-1a"] }
  }
  variables {
    zone = "us-east-1b"
  }
  expect_failures = [aws_vpc.cluster]
}

run "a_smaller_alternative" {
  command = plan
  variables {
    worker_alternatives = ["c7g.2xlarge"]
  }
  override_data {
    target = data.aws_ec2_instance_type.alternative["c7g.2xlarge"]
    values = {
      supported_architectures = ["arm64"]
      default_vcpus           = 8
      memory_size             = 16384
    }
  }
  expect_failures = [aws_emr_cluster.main]
}

run "a_smaller_spot_type" {
  command = plan
  variables {
    spot = { max = 2, types = ["m7g.2xlarge", "c7g.2xlarge"] }
  }
  override_data {
    target = data.aws_ec2_instance_type.spot["c7g.2xlarge"]
    values = {
      supported_architectures = ["arm64"]
      default_vcpus           = 8
      memory_size             = 16384
    }
  }
  expect_failures = [aws_emr_cluster.main]
}

run "spot_in_an_account_without_its_role" {
  command = plan
  variables {
    spot = { max = 2 }
  }
  override_data {
    target = data.aws_iam_roles.spot[0]
    values = { arns = [] }
  }
  expect_failures = [aws_emr_instance_fleet.spot]
}
