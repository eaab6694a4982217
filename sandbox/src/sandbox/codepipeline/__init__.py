"""CodePipeline: interprets declared pipelines (V2) and runs their executions."""
