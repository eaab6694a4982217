"""CodeBuild: projects, and builds that run their real buildspecs."""
