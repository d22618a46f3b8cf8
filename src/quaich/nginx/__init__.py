"""nginx's configuration of a site: rendered, compared, applied and verified, and read critically."""
