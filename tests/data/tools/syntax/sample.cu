__global__ void scale_kernel(float* x, float factor, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] *= factor;
}
void scale(float* x, float factor, int n) { scale_kernel<<<(n + 255) / 256, 256>>>(x, factor, n); }
