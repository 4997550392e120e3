# The instance types, their relatives for when they have no capacity, and a zone that has them all.

locals {
  # Dearer relatives with the same number of vCPUs in a size, at least the memory and the same
  # processor: EMR's lowest-price strategy takes one only where the chosen type has no capacity.
  relatives = {
    c5  = ["m5", "m6i", "m7i"]
    c6g = ["c7g", "c8g", "m7g", "m8g"]
    c7g = ["c8g", "m7g", "m8g", "r7g"]
    c8g = ["m8g", "r8g"]
    m5  = ["m7i", "r5"]
    m6g = ["m7g", "m8g", "r6g", "r7g"]
    m6i = ["m7i", "r5"]
    m7g = ["m8g", "r7g", "r8g"]
    m7i = ["r5"]
    m8g = ["r7g", "r8g"]
    r6g = ["r7g", "r8g"]
    r7g = ["r8g"]
  }
  alternatives = {
    for role, type in { primary = var.primary_type, worker = var.worker_type } : role => [
      for family in lookup(local.relatives, split(".", type)[0], []) : "${family}.${split(".", type)[1]}"
    ]
  }
  primary_types = concat([var.primary_type], local.alternatives.primary)
  worker_types = concat(
    [var.worker_type],
    var.worker_alternatives != null ? var.worker_alternatives : local.alternatives.worker
  )

  zones_of = { for type, offer in data.aws_ec2_instance_type_offerings.zones : type => toset(offer.locations) }

  # Where the chosen types are, and the services behind the private subnet's endpoints.
  zones = local.on_cluster ? [
    for zone in setintersection(
      local.zones_of[var.primary_type],
      local.zones_of[var.worker_type],
      [for service in data.aws_vpc_endpoint_service.interface : toset(service.availability_zones)]...
    ) : zone if var.zone == null || zone == var.zone
  ] : []

  # The zone with most of the relatives, the first by name among several.
  ranked_zones = sort([
    for zone in local.zones : format(
      "%02d %s", 99 - length([for zones in local.zones_of : 1 if contains(zones, zone)]), zone
    )
  ])
  best_zone = try(split(" ", local.ranked_zones[0])[1], null)
  zone      = one(aws_subnet.nodes[*].availability_zone)

  primary_types_there = [for type in local.primary_types : type if try(contains(local.zones_of[type], local.zone), false)]
  worker_types_there  = [for type in local.worker_types : type if try(contains(local.zones_of[type], local.zone), false)]
}

data "aws_ec2_instance_type_offerings" "zones" {
  for_each      = local.on_cluster ? toset(concat(local.primary_types, local.worker_types)) : toset([])
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = [each.value]
  }
}

data "aws_ec2_instance_type" "primary" {
  instance_type = var.primary_type
}

data "aws_ec2_instance_type" "worker" {
  instance_type = var.worker_type
}

# A type that the region does not have is no alternative there, and asking for it is an error.
data "aws_ec2_instance_type" "alternative" {
  for_each      = toset([for type in slice(local.worker_types, 1, length(local.worker_types)) : type if try(length(local.zones_of[type]) > 0, false)])
  instance_type = each.value
}

data "aws_ec2_instance_type" "spot" {
  for_each      = local.on_cluster && var.spot.max > 0 ? toset(var.spot.types) : toset([])
  instance_type = each.value
}

# What replaces the cluster when it is changed. What AWS offers changes by itself, and must not.
resource "terraform_data" "types" {
  count = local.on_cluster ? 1 : 0
  input = [var.primary_type, var.worker_type, var.worker_alternatives, var.disk_gib]
}

resource "terraform_data" "zone" {
  count = local.on_cluster ? 1 : 0
  input = var.zone
}
