//! medfolder-folder
