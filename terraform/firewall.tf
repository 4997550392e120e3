# Security groups: the nodes talk to each other, to EMR, to S3 and to the endpoints; nobody calls in.

locals {
  private = local.on_cluster && !var.public_subnet
}

resource "aws_security_group" "nodes" {
  count                  = local.on_cluster ? 1 : 0
  name                   = "${var.name}-nodes"
  description            = "Primary, core and task nodes of the EMR cluster"
  vpc_id                 = aws_vpc.cluster[0].id
  revoke_rules_on_delete = true
  tags                   = { Name = "${var.name}-nodes" }
}

resource "aws_vpc_security_group_ingress_rule" "between_nodes" {
  count                        = local.on_cluster ? 1 : 0
  description                  = "Spark, HDFS and YARN between the nodes"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "between_nodes" {
  count                        = local.on_cluster ? 1 : 0
  description                  = "Spark, HDFS and YARN between the nodes"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "-1"
}

# TLS only: the repositories of Amazon Linux 2023, on which releases from emr-7.0 on run, are reached
# by https (AL2023 User Guide, "Managing repositories"); port 80 was for those of Amazon Linux 2.
resource "aws_vpc_security_group_egress_rule" "s3" {
  count             = local.private ? 1 : 0
  description       = "S3 through its gateway endpoint"
  security_group_id = aws_security_group.nodes[0].id
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  count                        = local.private ? 1 : 0
  description                  = "STS, EMR and KMS through their endpoints"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "aws_apis" {
  count             = local.on_cluster && var.public_subnet ? 1 : 0
  description       = "AWS over TLS, from the public subnet"
  security_group_id = aws_security_group.nodes[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_security_group" "endpoints" {
  count                  = local.private ? 1 : 0
  name                   = "${var.name}-endpoints"
  description            = "Interface endpoints, reached by the nodes only"
  vpc_id                 = aws_vpc.cluster[0].id
  revoke_rules_on_delete = true
  tags                   = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count                        = local.private ? 1 : 0
  description                  = "TLS from the nodes"
  security_group_id            = aws_security_group.endpoints[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# The group of EMR's own way into a private subnet: a network interface of the service up to release
# 7, which calls and is called, and the endpoint of the service from 8 on, which is only called
# (EMR Management Guide, "Amazon EMR-managed security groups", private subnets).
resource "aws_security_group" "service" {
  count                  = local.private ? 1 : 0
  name                   = "${var.name}-service"
  description            = "EMR's way to the nodes of a private subnet"
  vpc_id                 = aws_vpc.cluster[0].id
  revoke_rules_on_delete = true
  tags                   = { Name = "${var.name}-service" }
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  count                        = local.private && !local.release_8 ? 1 : 0
  description                  = "The primary node calls the EMR service"
  security_group_id            = aws_security_group.service[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "tcp"
  from_port                    = 9443
  to_port                      = 9443
}

# EMR asks for the network's addresses here, not for the nodes' group.
resource "aws_vpc_security_group_ingress_rule" "service_endpoint" {
  count             = local.private && local.release_8 ? 1 : 0
  description       = "TLS from the network to the endpoint of the EMR service"
  security_group_id = aws_security_group.service[0].id
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "service_endpoint" {
  count                        = local.private && local.release_8 ? 1 : 0
  description                  = "The EMR service through its endpoint"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.service[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "service" {
  count                        = local.private && !local.release_8 ? 1 : 0
  description                  = "The EMR service calls the nodes"
  security_group_id            = aws_security_group.service[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_ingress_rule" "from_service" {
  count                        = local.private && !local.release_8 ? 1 : 0
  description                  = "The EMR service calls the nodes"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.service[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_egress_rule" "to_service" {
  count                        = local.private && !local.release_8 ? 1 : 0
  description                  = "The primary node calls the EMR service"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.service[0].id
  ip_protocol                  = "tcp"
  from_port                    = 9443
  to_port                      = 9443
}
