/** What each proxy has to be told so that WebSockets come through to Ground Control. */
export const PROXIES = [
  {
    id: 'nginx',
    label: 'nginx',
    lines: `location / {
    proxy_pass http://127.0.0.1:8933;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 75s;
}`,
    note: 'Then nginx -t, and reload it.',
  },
  {
    id: 'caddy',
    label: 'Caddy',
    lines: `stardust.example.org {
    reverse_proxy 127.0.0.1:8933
}`,
    note: 'Caddy passes WebSockets by itself: look for a header_up that changes Host, or for another proxy before it.',
  },
  {
    id: 'apache',
    label: 'Apache',
    lines: `# a2enmod proxy proxy_http headers; needs Apache 2.4.47
ProxyPreserveHost On
RequestHeader set X-Forwarded-Proto "https"
ProxyPass "/" "http://127.0.0.1:8933/" upgrade=websocket timeout=75
ProxyPassReverse "/" "http://127.0.0.1:8933/"`,
    note: 'Older ones: a2enmod proxy_wstunnel, and ProxyPass "/live" "ws://127.0.0.1:8933/live" (and "/ws") before the line for "/".',
  },
  {
    id: 'haproxy',
    label: 'HAProxy',
    lines: `defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h

backend stardust
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    option forwardfor
    server ground-control 127.0.0.1:8933`,
    note: 'HAProxy passes WebSockets in mode http by itself: option httpclose or http-server-close, or a rule that deletes Upgrade, takes them away.',
  },
] as const;

export type ProxyId = (typeof PROXIES)[number]['id'];
