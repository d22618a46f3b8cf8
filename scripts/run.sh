#!/bin/sh
# run.sh: serve the example application and say what to try next.  BIND=HOST:PORT moves it.
set -eu

bind=${BIND:-127.0.0.1:8000}
quaich=$PWD/.venv/bin/quaich

cat <<END

The example application (examples/hello) is served on  http://$bind/

Try next, in another terminal:
  curl -i http://$bind/
  .venv/bin/quaich --help                       every option
  examples/hello/README.md                      the same application behind nginx
  examples/flask, examples/django               applications of two frameworks
  README.md                                     how to serve your own

Ctrl-C stops it.

END
cd examples/hello
exec "$quaich" serve wsgi:application --bind "$bind"
