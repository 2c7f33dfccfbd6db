ALTER TABLE {logins} ADD COLUMN owner {blob};

CREATE INDEX {prefix}logins_by_owner ON {logins} (owner, expires_at);
