"""What `check` looks at: one module for each system, each giving findings one by one."""
