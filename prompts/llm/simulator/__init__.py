"""A local server that speaks the providers' wire protocols, for tests, benchmarks and the demo; knows no Django."""
