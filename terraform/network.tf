# The cluster's own network: a private subnet with endpoints, or a public subnet; closed either way.

locals {
  # From release 8 on the nodes reach EMR through a service of its own (EMR Release Guide,
  # emr-spark-8.0.0). EMR would make that endpoint where its role may: outside this state, where it
  # keeps the VPC from being destroyed. So it is made here, and the role may not.
  interface_endpoints = local.private ? merge(
    { for service in ["sts", "elasticmapreduce", "kms"] : service => "com.amazonaws.${local.region}.${service}" },
    local.release_8 ? { emr-service = "aws.api.${local.region}.emr-service-cell01" } : {},
  ) : {}
}

data "aws_vpc_endpoint_service" "interface" {
  for_each     = local.interface_endpoints
  service_name = each.value
  service_type = "Interface"
}

resource "aws_vpc" "cluster" {
  count                = local.on_cluster ? 1 : 0
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }

  lifecycle {
    precondition {
      condition     = length(local.zones) > 0
      error_message = "No availability zone of ${local.region}${var.zone == null ? "" : " called ${var.zone}"} offers both ${var.primary_type} and ${var.worker_type} and the services of the endpoints: choose other instance types, or another zone."
    }
  }
}

# A VPC comes with a security group that lets its members talk to each other: close it.
resource "aws_default_security_group" "closed" {
  count  = local.on_cluster ? 1 : 0
  vpc_id = aws_vpc.cluster[0].id
}

resource "aws_subnet" "nodes" {
  count                   = local.on_cluster ? 1 : 0
  vpc_id                  = aws_vpc.cluster[0].id
  availability_zone       = local.best_zone
  cidr_block              = cidrsubnet(var.vpc_cidr, 4, 1)
  map_public_ip_on_launch = var.public_subnet
  tags                    = { Name = "${var.name}-${var.public_subnet ? "public" : "private"}" }

  lifecycle {
    # A subnet can't move: what AWS offers elsewhere tomorrow must not replace it and its cluster.
    ignore_changes       = [availability_zone]
    replace_triggered_by = [terraform_data.zone]
  }
}

resource "aws_route_table" "nodes" {
  count  = local.on_cluster ? 1 : 0
  vpc_id = aws_vpc.cluster[0].id
  tags   = { Name = var.name }
}

resource "aws_route_table_association" "nodes" {
  count          = local.on_cluster ? 1 : 0
  subnet_id      = aws_subnet.nodes[0].id
  route_table_id = aws_route_table.nodes[0].id
}

resource "aws_internet_gateway" "public" {
  count  = local.on_cluster && var.public_subnet ? 1 : 0
  vpc_id = aws_vpc.cluster[0].id
  tags   = { Name = var.name }
}

resource "aws_route" "internet" {
  count                  = local.on_cluster && var.public_subnet ? 1 : 0
  route_table_id         = aws_route_table.nodes[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.public[0].id
}

resource "aws_vpc_endpoint" "s3" {
  count             = local.on_cluster ? 1 : 0
  vpc_id            = aws_vpc.cluster[0].id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.nodes[0].id]
  policy            = data.aws_iam_policy_document.s3_endpoint.json
  tags              = { Name = "${var.name}-s3" }
}

# KMS is among them because the nodes fetch the key of their encrypted disks by themselves.
resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface_endpoints
  vpc_id              = aws_vpc.cluster[0].id
  service_name        = each.value
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [aws_subnet.nodes[0].id]
  security_group_ids  = [each.key == "emr-service" ? aws_security_group.service[0].id : aws_security_group.endpoints[0].id]
  tags                = { Name = "${var.name}-${each.key}" }
}

resource "aws_flow_log" "cluster" {
  count                = local.on_cluster ? 1 : 0
  vpc_id               = aws_vpc.cluster[0].id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = aws_s3_bucket.logs.arn
  tags                 = { Name = var.name }

  depends_on = [aws_s3_bucket_policy.logs]
}
