"""Install, configure and start PMail on a host."""
