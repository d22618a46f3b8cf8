"""PEP 3333: loading applications, the environ contract, start_response and file_wrapper."""
