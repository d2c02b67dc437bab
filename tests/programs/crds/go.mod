// Modules of which only files are used, their custom resource definitions; `go mod tidy` would throw them out.
module inference-platform/tests/programs/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.5.3
	github.com/aws/karpenter-provider-aws v1.14.1
	github.com/cert-manager/cert-manager v1.21.2
	github.com/envoyproxy/gateway v1.9.1
	github.com/external-secrets/external-secrets v1.3.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.0
)
