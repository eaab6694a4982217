"""The policy pack as the Pulumi engine starts it."""

from pulumi_policy import EnforcementLevel, PolicyPack

from rules import RULES

PolicyPack("fargate-delivery", RULES, EnforcementLevel.MANDATORY)
