"""
What container registries hold, as far as release payloads need it: pull specs, mirrors, pull
secrets, manifests, layers.

Pure: texts and bytes come in, values and L{PayloadError<assisted_images.oci.errors.PayloadError>}
go out.  Nothing that a registry says is trusted; what it may say is bounded.
"""
