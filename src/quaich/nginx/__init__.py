"""nginx's configuration of a site: rendered, compared, applied, verified; and read."""
