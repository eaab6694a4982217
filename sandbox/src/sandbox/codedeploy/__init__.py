"""CodeDeploy for ECS: applications, deployment groups, and blue/green deployments of task sets."""
