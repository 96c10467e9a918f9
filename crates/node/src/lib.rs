//! medfolder-node
