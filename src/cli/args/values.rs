//! Values of options as they are typed: whole numbers, columns, element types, sizes.

use crate::convention::figure::Figure;
use crate::convention::{self, Convention};
use crate::report::columns::{self, COLUMNS, Column};
use crate::report::list;
use crate::shape::DType;
use crate::units;

/// Reads a whole number.
pub(super) fn whole<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("not a whole number from {least} to {most}"))
    }
}

/// Reads the name of a column.
pub(super) fn column(name: &str) -> Result<&'static Column, String> {
    columns::find(name.trim()).ok_or_else(|| {
        let known = COLUMNS.iter().map(|column| column.key);
        let near = crate::diag::did_you_mean(name, known.clone());
        near.unwrap_or_else(|| format!("there are {}", known.collect::<Vec<_>>().join(", ")))
    })
}

/// Reads the name of a column of numbers.
pub(super) fn numeric_column(name: &str) -> Result<&'static Column, String> {
    let column = column(name)?;
    if column.is_numeric() {
        return Ok(column);
    }
    let numeric = COLUMNS.iter().filter(|column| column.is_numeric()).map(|column| column.key);
    Err(format!("a column of words; sort by {}", numeric.collect::<Vec<_>>().join(", ")))
}

pub(super) fn columns_help() -> String {
    let keys: Vec<&str> = COLUMNS.iter().map(|column| column.key).collect();
    format!(
        "Columns to show, separated by commas: {}. [default: {}]",
        keys.join(", "),
        columns::usual().iter().map(|column| column.key).collect::<Vec<_>>().join(",")
    )
}

/// Reads the name of a column of the list.
pub(super) fn list_column(name: &str) -> Result<&'static list::Column, String> {
    list::find(name.trim()).ok_or_else(|| {
        let known = list::ALL.iter().map(|column| column.key);
        let near = crate::diag::did_you_mean(name, known.clone());
        near.unwrap_or_else(|| format!("there are {}", known.collect::<Vec<_>>().join(", ")))
    })
}

pub(super) fn list_columns_help() -> String {
    format!("A column to sort by, the largest first and names ascending: {}", list_columns())
}

fn list_columns() -> String {
    list::COLUMNS.iter().map(|column| column.key).collect::<Vec<_>>().join(", ")
}

/// Reads the name of a convention.
pub(super) fn convention(name: &str) -> Result<&'static Convention, String> {
    convention::find(name.trim()).ok_or_else(|| {
        let known = convention::ALL.iter().map(|convention| convention.name);
        let near = crate::diag::did_you_mean(name, known.clone());
        near.unwrap_or_else(|| format!("there are {}", known.collect::<Vec<_>>().join(", ")))
    })
}

pub(super) fn conventions_help() -> String {
    let names: Vec<&str> = convention::ALL.iter().map(|convention| convention.name).collect();
    format!("Count operations as another tool does: {}", names.join(", "))
}

/// Reads a figure as it is printed.
pub(super) fn figure(text: &str) -> Result<Figure, String> {
    Figure::read(text).ok_or_else(|| {
        "not a printed figure: write 3.8G, 724M, 4.09GFLOPs, 3.8e9 or 724,406,816".to_owned()
    })
}

/// Reads an element type that a network can have.
pub(super) fn dtype(name: &str) -> Result<DType, String> {
    DType::named(name).ok_or_else(|| {
        let names: Vec<&str> = DType::COMPUTED.iter().map(|dtype| dtype.name()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Reads a size in bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    units::read_bytes(text).ok_or_else(|| {
        "not a size in bytes: write 8GiB, 512MiB or 64KiB (powers of 1024), 8GB, 512MB or 64kB (powers of 1000), or \
         bytes without a unit"
            .to_owned()
    })
}
