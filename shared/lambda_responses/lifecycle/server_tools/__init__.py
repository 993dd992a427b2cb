"""What a run does beside asking models: it lists, offers, calls and tells of the tools of MCP servers."""
