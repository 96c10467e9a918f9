//! Bytes that are overwritten when they go: plaintext, and what leads to it.
//!
//! `zeroize` writes byte by byte; a record is opened, checked and dropped in less time than that takes.
//! Here the whole allocation is filled at once and the compiler is kept from leaving that out by
//! [`zeroize::optimization_barrier`]. A vector that grew has left copies behind: give it its room first.

use core::fmt;
use core::ops::{Deref, DerefMut};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A vector of bytes that is wiped on drop, its spare room with it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    /// Takes bytes over.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Wiped {
    /// Zeros over what was there and over the spare room; the allocation stays where it is.
    fn overwrite(&mut self) {
        self.0.clear();
        self.0.resize(self.0.capacity(), 0);
        zeroize::optimization_barrier(self.0.as_slice());
    }
}

impl Zeroize for Wiped {
    fn zeroize(&mut self) {
        self.overwrite();
        self.0.clear();
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for Wiped {}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wiped({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_overwrites_content_and_spare_room_where_they_lie() {
        let mut bytes = Wiped::new(Vec::with_capacity(64));
        bytes.extend_from_slice(&[7; 64]);
        bytes.truncate(10);
        let place = bytes.as_ptr();
        bytes.overwrite();
        assert_eq!((bytes.as_ptr(), bytes.as_slice()), (place, &[0; 64][..]));
        bytes.zeroize();
        assert!(bytes.is_empty());
    }

    #[test]
    fn its_debug_text_says_nothing_of_what_it_holds() {
        assert_eq!(format!("{:?}", Wiped::new(vec![1, 2, 3])), "Wiped(3 bytes)");
    }
}
