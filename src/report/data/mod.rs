//! The reports as data: the types that are serialised. `docs/json.md` documents them; adding fields keeps
//! `schema_version`.

pub(crate) mod check;
pub(crate) mod conventions;
pub mod explain;
pub mod memory;
pub mod params;
pub(crate) mod profile;
pub(crate) mod reconcile;
pub(crate) mod verify;
