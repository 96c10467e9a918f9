//! medfolder-client
