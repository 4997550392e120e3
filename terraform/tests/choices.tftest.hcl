# What the variables change, and what they refuse. Runs offline: the provider is mocked.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package_dir = "tests/package"
}

run "serverless" {
  command = apply
  variables {
    target      = "serverless"
    package_dir = "tests/nothing-was-built-here"
  }
  assert {
    condition     = length(aws_emr_cluster.main) == 0 && length(aws_vpc.cluster) == 0 && length(aws_iam_role.service) == 0
    error_message = "no cluster, no network, no service role"
  }
  assert {
    condition     = length(aws_emrserverless_application.main[0].initial_capacity) == 0
    error_message = "no capacity kept warm"
  }
  assert {
    condition     = aws_emrserverless_application.main[0].architecture == "ARM64" && output.architecture == "aarch64"
    error_message = "Graviton"
  }
  assert {
    condition     = aws_emrserverless_application.main[0].auto_stop_configuration[0].enabled
    error_message = "stops by itself"
  }
  assert {
    condition     = aws_emrserverless_application.main[0].release_label == "emr-spark-8.1.0" && output.release_label == "emr-spark-8.1.0"
    error_message = "a release whose image has Python 3.11"
  }
}

run "spark_4_in_the_private_subnet" {
  command = apply
  variables {
    release_label = "emr-spark-8.1.0"
  }
  assert {
    condition     = aws_emr_cluster.main[0].release_label == "emr-spark-8.1.0"
    error_message = "the Spark 4 line is accepted"
  }
  assert {
    condition     = aws_vpc_endpoint.interface["emr-service"].service_name == "aws.api.us-east-1.emr-service-cell01" && aws_vpc_endpoint.interface["emr-service"].private_dns_enabled
    error_message = "the nodes reach the EMR service through its own endpoint"
  }
  assert {
    condition     = aws_vpc_endpoint.interface["emr-service"].security_group_ids == toset([aws_security_group.service[0].id])
    error_message = "which has the service's security group"
  }
  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.service_endpoint[0].from_port == 443
      && aws_vpc_security_group_ingress_rule.service_endpoint[0].cidr_ipv4 == var.vpc_cidr
      && aws_vpc_security_group_egress_rule.service_endpoint[0].from_port == 443
    )
    error_message = "443 in from the network and out from the nodes"
  }
  assert {
    condition = length(concat(
      aws_vpc_security_group_ingress_rule.service,
      aws_vpc_security_group_ingress_rule.from_service,
      aws_vpc_security_group_egress_rule.service,
      aws_vpc_security_group_egress_rule.to_service,
    )) == 0
    error_message = "8443 and 9443 are for releases up to 7"
  }
  assert {
    condition     = output.sizes.endpoints == 4
    error_message = "and the price counts it"
  }
}

run "spark_4_in_a_public_subnet" {
  command = apply
  variables {
    release_label = "emr-spark-8.1.0"
    public_subnet = true
  }
  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_vpc_security_group_ingress_rule.service_endpoint) == 0
    error_message = "through the gateway, as all else"
  }
}

run "public_subnet" {
  command = apply
  variables {
    public_subnet = true
  }
  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_internet_gateway.public) == 1
    error_message = "a gateway instead of endpoints"
  }
  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.between_nodes : rule.cidr_ipv4 == null
    ]) && length(aws_vpc_security_group_ingress_rule.from_service) == 0
    error_message = "still nobody calls in"
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.aws_apis[0].from_port == 443
    error_message = "only TLS goes out"
  }
}

run "spot" {
  command = apply
  variables {
    spot = { max = 6 }
  }
  assert {
    condition     = aws_emr_instance_fleet.spot[0].target_on_demand_capacity == 0
    error_message = "task nodes are Spot"
  }
  assert {
    condition = alltrue([
      for type in aws_emr_instance_fleet.spot[0].instance_type_configs :
      type.bid_price_as_percentage_of_on_demand_price == 100
    ])
    error_message = "never above the on-demand price"
  }
  assert {
    condition     = one(aws_emr_managed_scaling_policy.main[0].compute_limits).maximum_capacity_units == 10
    error_message = "Spot nodes come on top"
  }
  assert {
    condition     = one(aws_emr_managed_scaling_policy.main[0].compute_limits).maximum_core_capacity_units == 4
    error_message = "core nodes keep their own limit"
  }
}

run "budget" {
  command = plan
  variables {
    budget = { usd = 20, email = "you@example.com" }
  }
  assert {
    condition     = aws_budgets_budget.month[0].limit_amount == "20"
    error_message = "the budget is what was asked for"
  }
}

run "python_3_9_on_serverless" {
  command = plan
  variables {
    target        = "serverless"
    release_label = "emr-7.14.0"
  }
  expect_failures = [var.release_label]
}

run "the_7_without_python_3_11" {
  command = plan
  variables {
    release_label = "emr-7.0.0"
  }
  expect_failures = [var.release_label]
}

run "wheels_not_built" {
  command = plan
  variables {
    package_dir = "tests/nothing-was-built-here"
  }
  expect_failures = [aws_s3_object.environment]
}

run "release_without_prefix" {
  command = plan
  variables {
    release_label = "7.13.0"
  }
  expect_failures = [var.release_label]
}

run "release_too_old_for_python_3_11" {
  command = plan
  variables {
    release_label = "emr-6.15.0"
  }
  expect_failures = [var.release_label]
}

run "never_ending" {
  command = plan
  variables {
    idle_minutes = 0
  }
  expect_failures = [var.idle_minutes]
}

run "fewer_than_the_least" {
  command = plan
  variables {
    workers = { min = 4, max = 2 }
  }
  expect_failures = [var.workers]
}

run "half_a_worker" {
  command = plan
  variables {
    workers = { min = 1.5, max = 2 }
  }
  expect_failures = [var.workers]
}

run "name_with_capitals" {
  command = plan
  variables {
    name = "Ridge"
  }
  expect_failures = [var.name]
}

run "unknown_target" {
  command = plan
  variables {
    target = "kubernetes"
  }
  expect_failures = [var.target]
}

run "wildcard_in_data_location" {
  command = plan
  variables {
    data_locations = ["s3://somebody/*"]
  }
  expect_failures = [var.data_locations]
}

run "data_location_on_disk" {
  command = plan
  variables {
    data_locations = ["/data/mnist"]
  }
  expect_failures = [var.data_locations]
}

run "budget_without_address" {
  command = plan
  variables {
    budget = { usd = 20, email = "nobody" }
  }
  expect_failures = [var.budget]
}

run "network_too_small" {
  command = plan
  variables {
    vpc_cidr = "10.0.0.0/28"
  }
  expect_failures = [var.vpc_cidr]
}
