"""The courier: the process that takes log lines to where no worker should have to wait."""
