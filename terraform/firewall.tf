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

# In a private subnet the EMR service reaches the nodes through this group.
resource "aws_security_group" "service" {
  count                  = local.private ? 1 : 0
  name                   = "${var.name}-service"
  description            = "EMR's way to the nodes of a private subnet"
  vpc_id                 = aws_vpc.cluster[0].id
  revoke_rules_on_delete = true
  tags                   = { Name = "${var.name}-service" }
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  count                        = local.private ? 1 : 0
  description                  = "The primary node calls the EMR service"
  security_group_id            = aws_security_group.service[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "tcp"
  from_port                    = 9443
  to_port                      = 9443
}

resource "aws_vpc_security_group_egress_rule" "service" {
  count                        = local.private ? 1 : 0
  description                  = "The EMR service calls the nodes"
  security_group_id            = aws_security_group.service[0].id
  referenced_security_group_id = aws_security_group.nodes[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_ingress_rule" "from_service" {
  count                        = local.private ? 1 : 0
  description                  = "The EMR service calls the nodes"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.service[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8443
  to_port                      = 8443
}

resource "aws_vpc_security_group_egress_rule" "to_service" {
  count                        = local.private ? 1 : 0
  description                  = "The primary node calls the EMR service"
  security_group_id            = aws_security_group.nodes[0].id
  referenced_security_group_id = aws_security_group.service[0].id
  ip_protocol                  = "tcp"
  from_port                    = 9443
  to_port                      = 9443
}
