//! proxmux: a full-screen terminal console for Proxmox VE.
