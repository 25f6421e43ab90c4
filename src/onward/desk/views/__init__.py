"""The pages, one module for each area. `shared` says who may come in; each brings its addresses."""
