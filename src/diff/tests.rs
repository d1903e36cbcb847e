//! Tests of comparing networks.
