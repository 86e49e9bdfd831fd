"""Reachability from here."""

TEXTS = {
    "reach.name": "Reachable from outside",
    "reach.later": "tried when the run is carried out",
    "reach.open": "the server answers on port 25",
    "reach.closed": "{address} port {port} cannot be reached from here: open it in the cloud's firewall (security group) and in ufw or firewalld",
    "reach.own_network": "your own network lets no connection to port 25 out; {address} answers on 465, so it is taken as up",
    "reach.own_network_closed": "{address} answers neither on port 25 (your own network blocks it) nor on 465. MX is not published.",
    "reach.port25.open": "{host} ({address}) accepts connections on port {port} but does not greet as a mail server. MX is not published.",
    "reach.port25.refused": "{host} ({address}) refuses port {port}: the server does not run. MX is not published.",
    "reach.port25.timeout": "{host} ({address}) does not answer on port {port}: open it in the cloud's firewall (security group) and in ufw or firewalld. MX is not published.",
    "reach.port25.unreachable": "{host} ({address}) cannot be reached from here (port {port}). MX is not published.",
}
