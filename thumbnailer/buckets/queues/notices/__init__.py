"""What object stores write into their notifications, read as events; each service in its forms."""
