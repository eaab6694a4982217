"""Amazon Q Developer in chat applications, whose API and names are still those of AWS Chatbot."""
