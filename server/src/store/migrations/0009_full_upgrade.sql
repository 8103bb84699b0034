-- Whether upgrades of the node are full ones where nothing else is asked for: its
-- makers want it so (Proxmox, Raspberry Pi OS).
ALTER TABLE package_facts ADD COLUMN full_upgrade INTEGER NOT NULL DEFAULT 0;
