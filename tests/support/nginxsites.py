"""Configurations of nginx: what comes with it, a tutorial, and sites with nothing wrong."""

PARAMS = """\
uwsgi_param QUERY_STRING $query_string;
uwsgi_param REQUEST_METHOD $request_method;
uwsgi_param PATH_INFO $document_uri;
uwsgi_param HTTPS $https if_not_empty;
"""
FILES = {
    "/n/uwsgi_params": PARAMS,
    "/n/debian_params": PARAMS + "uwsgi_param HTTP_HOST $host;\n",
    "/n/scgi_params": PARAMS.replace("uwsgi", "scgi"),
    "/n/fastcgi_params": PARAMS.replace("uwsgi", "fastcgi"),
    "/n/proxy_params": "proxy_set_header Host $host;\nproxy_set_header X-Real-IP $remote_addr;\n",
    "/n/mime.types": "types { text/html html; }",
}

# The directives of an article that many sites still are made of; its remarks are not here.
TUTORIAL = """\
worker_processes 1;
events { worker_connections 1024; }
http {
    sendfile on;
    gzip on;
    gzip_http_version 1.0;
    gzip_proxied any;
    gzip_min_length 500;
    gzip_disable "MSIE [1-6]\\.";
    gzip_types text/plain text/xml text/css text/comma-separated-values
               text/javascript application/x-javascript application/atom+xml;
    upstream cluster {
        server 127.0.0.1:8080;
    }
    server {
        listen 80;
        location ^~ /static/ {
            root /app/static/;
        }
        location = /favico.ico {
            root /app/favico.ico;
        }
        location / {
            include uwsgi_params;
            uwsgi_pass cluster;
            proxy_redirect off;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Host $server_name;
        }
    }
}
"""

DEBIAN = """\
user www-data;
worker_processes auto;
pid /run/nginx.pid;
events { worker_connections 768; }
http {
    sendfile on;
    types_hash_max_size 2048;
    include mime.types;
    default_type application/octet-stream;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    access_log /var/log/nginx/access.log;
    gzip on;
    include sites/*;
}
"""
DEFAULT = """\
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    root /var/www/html;
    index index.html;
    server_name _;
    location / { try_files $uri $uri/ =404; }
}
"""
UWSGI = """\
upstream django {
    server unix:///run/shop/app.sock;
}
server {
    listen 80;
    server_name shop.lan;
    charset utf-8;
    server_tokens off;
    client_max_body_size 75M;
    uwsgi_buffer_size 16k;
    location /media/ { alias /srv/shop/media/; }
    location /static/ { alias /srv/shop/static/; }
    location = /favicon.ico { alias /srv/shop/static/favicon.ico; access_log off; }
    location / {
        include uwsgi_params;
        uwsgi_param HTTP_PROXY "" if_not_empty;
        uwsgi_param HTTP_X_FORWARDED_FOR $proxy_add_x_forwarded_for;
        uwsgi_pass django;
    }
}
"""
GUNICORN = """\
upstream app_server {
    server unix:/run/gunicorn.sock fail_timeout=0;
}
server {
    listen 80 default_server;
    return 444;
}
server {
    listen 80;
    client_max_body_size 4G;
    server_tokens off;
    server_name shop.internal www.shop.internal;
    keepalive_timeout 5;
    root /path/to/app/current/public;
    location / { try_files $uri @proxy_to_app; }
    location @proxy_to_app {
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Host $host;
        proxy_redirect off;
        proxy_pass http://app_server;
    }
    location /ws {
        include proxy_params;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_buffering off;
        proxy_pass http://app_server;
    }
    error_page 500 502 503 504 /500.html;
    location = /500.html { root /path/to/app/current/public; }
}
"""
TLS = """\
limit_req_zone $binary_remote_addr zone=shop_rl:1m rate=5r/s;
uwsgi_cache_path /var/cache/shop keys_zone=shop_cache:10m;
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
upstream shop_up {
    zone shop_up 64k;
    server unix:/run/shop/a.sock max_fails=1 fail_timeout=5s;
    server 10.0.0.2:3031 max_fails=1 fail_timeout=5s;
    server 10.0.0.3:3031 backup;
}
server { listen 80 default_server; server_name _; return 444; }
server { listen 443 ssl default_server; ssl_reject_handshake on; }
server {
    listen 80;
    server_name shop.example.com;
    return 301 https://$host$request_uri;
}
server {
    listen 443 ssl;
    server_name shop.example.com;
    ssl_certificate /etc/letsencrypt/live/shop/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/shop/privkey.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:shop_tls:10m;
    server_tokens off;
    client_max_body_size 16m;
    set_real_ip_from 10.0.0.0/8;
    add_header Strict-Transport-Security "max-age=63072000" always;
    add_header X-Content-Type-Options nosniff always;
    gzip on;
    gzip_types application/json application/javascript image/svg+xml text/css;
    uwsgi_buffer_size 16k;
    uwsgi_read_timeout 35s;
    uwsgi_next_upstream error timeout;
    location ^~ /static/ {
        alias /srv/shop/static/;
        add_header Strict-Transport-Security "max-age=63072000" always;
        add_header X-Content-Type-Options nosniff always;
        add_header Cache-Control "public, max-age=3600" always;
        try_files $uri =404;
    }
    location /blog/ {
        uwsgi_cache shop_cache;
        uwsgi_cache_key $scheme$request_method$host$request_uri;
        uwsgi_cache_bypass $cookie_sessionid $http_authorization;
        uwsgi_no_cache $cookie_sessionid $http_authorization;
        include uwsgi_params;
        uwsgi_param HTTP_PROXY "" if_not_empty;
        uwsgi_pass shop_up;
    }
    location / {
        limit_req zone=shop_rl burst=20;
        if ($request_method = TRACE) { return 405; }
        include uwsgi_params;
        uwsgi_param HTTP_PROXY "" if_not_empty;
        uwsgi_pass shop_up;
    }
}
"""
STREAM = "stream { server { listen 53; proxy_pass 10.0.0.1:53; } }\nhttp { include sites/*; }\n"
LUA = "server { location / { content_by_lua_block { x('}') } } }\n"
