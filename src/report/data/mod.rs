//! The reports as data: the types that are serialised. `docs/json.md` documents them; adding fields keeps
//! `schema_version`.

pub mod check;
pub mod conventions;
pub mod explain;
pub mod memory;
pub mod params;
pub mod profile;
pub mod reconcile;
pub mod verify;
