"""What object stores write into their notifications, read as URLs; each service in its forms."""
