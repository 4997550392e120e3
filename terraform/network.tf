# The cluster's own network: a private subnet with endpoints, or a public subnet; closed either way.

locals {
  interface_endpoints = local.on_cluster && !var.public_subnet ? toset(["sts", "elasticmapreduce", "kms"]) : toset([])
  types_to_place      = toset([var.primary_type, var.worker_type])
  zones_offering = [
    for offer in data.aws_ec2_instance_type_offerings.zones : toset(offer.locations)
  ]
  zones = local.on_cluster ? sort(setintersection(local.zones_offering...)) : []
}

# Not every zone has every instance type: take the first that has both.
data "aws_ec2_instance_type_offerings" "zones" {
  for_each      = local.on_cluster ? local.types_to_place : toset([])
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = [each.value]
  }
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
      error_message = "No availability zone of ${local.region} offers both ${var.primary_type} and ${var.worker_type}: choose other instance types."
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
  availability_zone       = local.zones[0]
  cidr_block              = cidrsubnet(var.vpc_cidr, 4, 1)
  map_public_ip_on_launch = var.public_subnet
  tags                    = { Name = "${var.name}-${var.public_subnet ? "public" : "private"}" }
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
  tags              = { Name = "${var.name}-s3" }
}

# KMS is among them because the nodes fetch the key of their encrypted disks by themselves.
resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface_endpoints
  vpc_id              = aws_vpc.cluster[0].id
  service_name        = "com.amazonaws.${local.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [aws_subnet.nodes[0].id]
  security_group_ids  = [aws_security_group.endpoints[0].id]
  tags                = { Name = "${var.name}-${each.value}" }
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
