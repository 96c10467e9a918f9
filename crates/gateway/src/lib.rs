//! medfolder-gateway
