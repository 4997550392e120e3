"""What EMR needs of a network before a cluster starts, and capacity that AWS may not have."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.vpcs import VPCBackend

from tests.emr.policies import allows

without_capacity: set[tuple[str, str]] = set()  # zone and instance type


def service_of_release_8(region: str) -> str:
    return f"aws.api.{region}.emr-service-cell01"


def why_not_started(asked: dict[str, Any], account: str, region: str) -> str | None:
    """What EMR would end the cluster with; None if it starts."""
    instances = asked["Instances"]
    if not instances.get("Ec2SubnetIds") and not instances.get("Ec2SubnetId"):
        return None  # made without Terraform, in the account's default network
    ec2 = ec2_backends[account][region]
    subnet_id = instances.get("Ec2SubnetId") or instances["Ec2SubnetIds"][0]
    subnet = ec2.get_subnet(subnet_id)
    rules = Rules(ec2, instances, subnet)
    release_8 = asked["ReleaseLabel"].startswith("emr-spark-8.")
    checks = [_capacity(instances, subnet.availability_zone), _s3(ec2, subnet, region, release_8)]
    if instances.get("ServiceAccessSecurityGroup"):
        checks.append(rules.of_release_8(region) if release_8 else rules.of_release_7())
    return next((reason for reason in checks if reason), None)


def _capacity(instances: dict[str, Any], zone: str) -> str | None:
    for fleet in instances.get("InstanceFleets", []):
        types = [each["InstanceType"] for each in fleet.get("InstanceTypeConfigs", [])]
        if types and all((zone, each) in without_capacity for each in types):
            return (
                f"The {fleet['InstanceFleetType']} instance fleet failed to launch: "
                f"InsufficientInstanceCapacity for {', '.join(types)} in {zone}"
            )
    return None


def needed_objects(region: str, release_8: bool) -> list[tuple[str, str]]:
    """Actions and objects of AWS's own buckets without which no cluster starts."""
    packages = [f"al2023-repos-{region}-de612dc2", f"repo.{region}.emr.amazonaws.com"]
    if release_8:
        name = "aws157-instance-data" + ("-bucket" if region == "ap-southeast-2" else "")
        packages += [f"{name}-{i}-prod-{region}" for i in (0, 1)]
    logs = "aws157-logs-prod" + ("" if region == "us-east-1" else f"-{region}")
    return [
        *(("s3:GetObject", f"arn:aws:s3:::{bucket}/a") for bucket in packages),
        ("s3:PutObject", f"arn:aws:s3:::{logs}/a"),
        ("s3:PutObject", f"arn:aws:s3:::prod.{region}.appinfo.src/a"),
    ]


def _endpoints(ec2: Any, vpc_id: str, service: str) -> list[Any]:
    found = ec2.vpc_end_points.values()
    return [each for each in found if each.vpc_id == vpc_id and each.service_name == service]


def _s3(ec2: Any, subnet: Any, region: str, release_8: bool) -> str | None:
    for endpoint in _endpoints(ec2, subnet.vpc_id, f"com.amazonaws.{region}.s3"):
        policy = json.loads(endpoint.policy_document)
        for action, resource in needed_objects(region, release_8):
            if not allows([policy], action, resource):
                return f"The S3 endpoint's policy does not allow {action} on {resource}"
    return None


class Rules:
    """The security groups of a cluster in a private subnet."""

    def __init__(self, ec2: Any, instances: dict[str, Any], subnet: Any) -> None:
        self.ec2 = ec2
        self.vpc = ec2.get_vpc(subnet.vpc_id)
        self.nodes = instances.get("EmrManagedMasterSecurityGroup")
        self.service = instances.get("ServiceAccessSecurityGroup")

    def of_release_8(self, region: str) -> str | None:
        service = service_of_release_8(region)
        endpoints = [
            each
            for each in _endpoints(self.ec2, self.vpc.id, service)
            if each.private_dns_enabled and self.service in each.security_group_ids
        ]
        if not endpoints:
            return (
                f"The VPC has no endpoint for {service} with private DNS and the service access "
                "security group, and the service role may not create one"
            )
        if not self._open("ingress", self.service, 443, network=self.vpc.cidr_block):
            return "The service access security group does not let the VPC in on port 443"
        if not self._open("egress", self.nodes, 443, group=self.service):
            return "The nodes' security group does not let them out to the service on port 443"
        return None

    def of_release_7(self) -> str | None:
        for direction, group, port, other in (
            ("ingress", self.service, 9443, self.nodes),
            ("egress", self.service, 8443, self.nodes),
            ("ingress", self.nodes, 8443, self.service),
            ("egress", self.nodes, 9443, self.service),
        ):
            if not self._open(direction, group, port, group=other):
                return f"{group} has no {direction} rule for port {port} and {other}"
        return None

    def _open(self, direction: str, of: str, port: int, group: str = "", network: str = "") -> bool:
        found = self.ec2.get_security_group_from_id(of)
        for rule in getattr(found, f"{direction}_rules"):
            if rule.ip_protocol != "-1" and not (int(rule.from_port) <= port <= int(rule.to_port)):
                continue
            if group and rule.source_group.get("GroupId") == group:
                return True
            address = rule.ip_range.get("CidrIp")
            if network and address and _within(network, address):
                return True
        return False


def _within(network: str, address: str) -> bool:
    return ipaddress.ip_network(network).subnet_of(ipaddress.ip_network(address))


_collect = VPCBackend._collect_default_endpoint_services


def collect_default_endpoint_services(account_id: str, region: str) -> Any:
    """With the service of EMR's release 8, in all of the region's zones but the last."""
    services = _collect(account_id, region)
    name = service_of_release_8(region)
    if not any(each["ServiceName"] == name for each in services):
        kms = next(each for each in services if each["ServiceName"].endswith(".kms"))
        zones = sorted(kms["AvailabilityZones"])[:-1]
        (ours,) = BaseBackend.default_vpc_endpoint_service_factory(region, zones, "emr-service")
        services.append({**ours, "ServiceName": name, "PrivateDnsName": f"emr.{region}.api.aws"})
    return services


_init_rule = SecurityGroupRule.__init__


def init_rule(self: Any, *args: Any, **kwargs: Any) -> None:
    """Rules keep their description whatever they refer to, not only with an address range."""
    _init_rule(self, *args, **kwargs)
    for other in (self.source_group, *args[7:], kwargs.get("prefix_list_id")):
        if isinstance(other, dict) and other.get("Description"):
            self.ip_range = {"Description": other.pop("Description")}


def install() -> None:
    VPCBackend._collect_default_endpoint_services = staticmethod(collect_default_endpoint_services)
    SecurityGroupRule.__init__ = init_rule
